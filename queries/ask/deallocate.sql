DEALLOCATE question;
